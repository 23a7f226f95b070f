"""Every form of the network against the golden model, rung by rung."""
