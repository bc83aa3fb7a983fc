"""The tutorial of a model: outline and links of the tree's own version, and what the gates showed."""
