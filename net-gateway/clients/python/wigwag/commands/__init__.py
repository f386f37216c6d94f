"""The commands `wigwag-view` and `wigwag-push`; `options` is what they share."""
