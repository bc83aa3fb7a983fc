"""Reading the tensor data of a checkpoint: what headers cannot show. At disk speed, and in bounded memory."""
