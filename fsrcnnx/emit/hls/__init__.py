"""From the integer network to an hls4ml project; `folder` is the door, `plan` what it decides."""
