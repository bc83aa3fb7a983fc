"""ModelSlim's description of a checkpoint against the layers of the model that will serve it on vllm-ascend."""
