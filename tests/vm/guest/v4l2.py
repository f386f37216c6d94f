"""A few V4L2 calls in plain Python, so that the rig can be checked without the product.

Neighbours: `camera.py` and `check_rig.py` use it. Source: Linux include/uapi/linux/videodev2.h, for
a 64-bit little-endian machine.
"""

import fcntl
import mmap
import os
import select
import struct

from report import CheckFailed

S_FMT = 0xC0D05605
REQBUFS = 0xC0145608
QUERYBUF = 0xC0585609
QBUF = 0xC058560F
DQBUF = 0xC0585611
STREAMON = 0x40045612
S_PARM = 0xC0CC5616
S_CTRL = 0xC008561C
QUERYCTRL = 0xC0445624
CAPTURE = 1
MMAP = 1
CTRL_FLAG_NEXT_CTRL = 0x80000000


class Camera:
    """An open capture node."""

    def __init__(self, node):
        self.node = node
        self.handle = os.open(node, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self.maps = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends streaming and gives the camera free."""
        for area in self.maps:
            area.close()
        self.maps = []
        os.close(self.handle)

    def set_format(self, fourcc, width_px, height_px, fps):
        """Asks for a mode; the driver may choose a near one."""
        request = bytearray(208)
        struct.pack_into("=I", request, 0, CAPTURE)
        struct.pack_into("=II4s", request, 8, width_px, height_px, fourcc)
        fcntl.ioctl(self.handle, S_FMT, request)
        request = bytearray(204)
        struct.pack_into("=5I", request, 0, CAPTURE, 0, 0, 1, fps)
        fcntl.ioctl(self.handle, S_PARM, request)

    def reserve(self, count=4):
        """Takes buffers, which makes the camera this program's own until it is closed."""
        fcntl.ioctl(self.handle, REQBUFS, struct.pack("=5I", count, CAPTURE, MMAP, 0, 0))

    def start(self, count=4):
        """Starts streaming."""
        self.reserve(count)
        for index in range(count):
            buffer = self._buffer(index)
            fcntl.ioctl(self.handle, QUERYBUF, buffer)
            offset, length = struct.unpack_from("=I4xI", buffer, 64)
            self.maps.append(mmap.mmap(self.handle, length, offset=offset))
            fcntl.ioctl(self.handle, QBUF, self._buffer(index))
        fcntl.ioctl(self.handle, STREAMON, struct.pack("=i", CAPTURE))

    def frame(self, deadline_s):
        """The bytes of the next frame, or None when none came in time."""
        if not select.select([self.handle], [], [], deadline_s)[0]:
            return None
        buffer = self._buffer(0)
        fcntl.ioctl(self.handle, DQBUF, buffer)
        index, _, used = struct.unpack_from("=3I", buffer, 0)
        data = self.maps[index][:used]
        fcntl.ioctl(self.handle, QBUF, self._buffer(index))
        return data

    def set_control(self, name, value):
        """Sets the control with this name; vivid's fault buttons are controls."""
        number = CTRL_FLAG_NEXT_CTRL
        while True:
            query = bytearray(68)
            struct.pack_into("=I", query, 0, number)
            try:
                fcntl.ioctl(self.handle, QUERYCTRL, query)
            except OSError as error:
                raise CheckFailed(f"{self.node} has no control `{name}`") from error
            (found,) = struct.unpack_from("=I", query, 0)
            if query[8:40].split(b"\0")[0].decode().lower() == name.lower():
                fcntl.ioctl(self.handle, S_CTRL, struct.pack("=Ii", found, value))
                return
            number = found | CTRL_FLAG_NEXT_CTRL

    @staticmethod
    def _buffer(index):
        buffer = bytearray(88)
        struct.pack_into("=II", buffer, 0, index, CAPTURE)
        struct.pack_into("=I", buffer, 60, MMAP)
        return buffer
