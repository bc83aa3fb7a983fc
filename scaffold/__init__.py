"""From a checkpoint directory to one signed commit: read, decide, generate, patch, prove, deliver."""

__version__ = "0.1.0"
