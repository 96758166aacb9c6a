"""One engine for every checkpoint of an audio encoder in front of a language model; a family is one file."""
