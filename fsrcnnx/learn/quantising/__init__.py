"""From float weights to the number contract."""
