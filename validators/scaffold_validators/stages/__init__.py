"""The stages of validation: a table, and a file for each that asks a server something."""
