"""`python -m bundle.command` is `coronary`, where it is not installed."""

from .app import main

if __name__ == "__main__":
    main()
