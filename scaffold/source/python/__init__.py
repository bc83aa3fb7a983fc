"""The language: syntax trees, frames, names, classes and calls. It knows no library, only the protocol of one."""
