"""Training of the float networks, by recipes."""
