"""The quality gate of a commit: a table of points, each shown, reasoned or missing."""
