"""Names of what training can be told to do: losses, and rules of the steps.

Imports nothing, so that the command line and the check of a weights file can read them without
torch. What they are is in training.losses and training.optimisers.

    LOSSES[0]     # mse
"""

LOSSES = ("mse", "log", "joint")
OPTIMISERS = ("adam", "soap")
