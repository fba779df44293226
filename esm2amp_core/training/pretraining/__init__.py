"""How the starter's language model is made: corpus, annotations, windows, losses, and the run itself."""
