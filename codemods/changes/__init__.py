"""What holds the edits of a run, and puts them on disk or takes them back as a whole."""
