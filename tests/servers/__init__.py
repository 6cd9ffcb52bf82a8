"""测试用的服务器，都开在 127.0.0.1 上：假的下载站和推理服务器，真的 JupyterLab 和 JupyterHub"""
