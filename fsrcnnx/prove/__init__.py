"""Evidence: simulation, rung-by-rung comparison, synthesis."""
