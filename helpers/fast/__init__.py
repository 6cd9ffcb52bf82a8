"""让 Qwen2 在这台电脑的 CPU 上尽量快的各种做法；从 helpers.speed 用它们"""
