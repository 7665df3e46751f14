"""``python -m collegium.services``."""

from collegium.services.application import main

if __name__ == "__main__":
    main()
