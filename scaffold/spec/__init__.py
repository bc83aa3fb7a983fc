"""What a model is: facts with evidence, read from modeling source, tensor headers and config."""
