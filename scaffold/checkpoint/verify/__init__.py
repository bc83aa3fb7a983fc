"""Reading the tensor data of a checkpoint for what headers cannot show, at disk speed and in bounded memory."""
