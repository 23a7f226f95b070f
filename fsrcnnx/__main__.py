"""`python -m fsrcnnx`, which `torchrun -m fsrcnnx` needs."""

from fsrcnnx.cli import run

if __name__ == "__main__":
    run()
