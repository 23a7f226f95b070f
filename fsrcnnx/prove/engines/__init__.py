"""Every way to compute a network's pixels, behind one call."""
