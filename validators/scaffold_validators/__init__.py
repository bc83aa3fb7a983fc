"""Gates that a served model has to pass, and the evidence that they leave behind."""
