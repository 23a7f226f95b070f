"""Emitted cores in Verilator and Icarus."""
