"""Hardware text: what is written for simulators and synthesis tools."""
