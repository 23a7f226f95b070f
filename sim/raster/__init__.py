"""Benches of the stall-free core, in rtl/raster."""
