"""The kinds of lists, a file each: how the text of one is read, and an entry of it written."""
