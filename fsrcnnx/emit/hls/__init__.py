"""hls4ml projects: importing this registers the layers that hls4ml lacks."""

from fsrcnnx.emit.hls.transpose import register

register()
