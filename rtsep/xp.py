import os
def X(name, default):
    return type(default)(os.environ.get("X_" + name, default))
