"""The report as one HTML page to look at."""
