"""The folder of builds: compiled simulations and projects, kept by content, yours alone."""
