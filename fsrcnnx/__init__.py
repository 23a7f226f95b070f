"""fsrcnnx: super-resolution networks from photographs to silicon, bit-exact."""

__version__ = "0.1.0"
