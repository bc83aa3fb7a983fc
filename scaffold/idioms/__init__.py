"""What an adapter writes for each canonical form: vLLM's layers, conditions over layers, named pieces of code."""
