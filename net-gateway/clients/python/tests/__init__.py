"""Tests of the package: `python3 -m unittest discover` in the folder above. They need no box.

`fake_box` plays a box that misbehaves, as no real one can be made to. The real one is in the
project's system tests, `tests/it/clients_python.rs`.
"""
