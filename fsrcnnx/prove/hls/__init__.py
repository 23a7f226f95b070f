"""HLS projects compiled, run and synthesised."""
