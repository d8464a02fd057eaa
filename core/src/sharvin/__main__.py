"""``python -m sharvin``."""

from sharvin.cli import main

if __name__ == "__main__":
    main()
