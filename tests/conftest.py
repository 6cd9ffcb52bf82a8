"""所有测试之前：让 modelscope 的客户端少等一会儿（它在导入时读这些环境变量）"""
import os

os.environ.update({"MODELSCOPE_DOWNLOAD_TIMEOUT": "2", "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",
                   "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "1",
                   "MODELSCOPE_DOWNLOAD_LOW_SPEED_WINDOW_SECONDS": "2"})
