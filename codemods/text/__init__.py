"""What codemods share: reading and writing text in the style of the tree that it stands in."""
