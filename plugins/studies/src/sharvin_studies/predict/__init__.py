"""``sharvin predict``: conductances of anybody's frames by the model of a finished run."""
