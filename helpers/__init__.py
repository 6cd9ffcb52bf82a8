"""课程的代码。要在 torch 之前导入：下面这一行，torch 在导入时读

torch 的几个线程算完一段，会空转着等别的线程；别的程序也在用 CPU 时，等的那个正好没有轮到，空转的就白白占着 CPU，
慢十几倍。少空转一会儿就去睡，空闲的电脑上几乎一样快。只有 Linux 的 torch（GNU 的 OpenMP）读它，别的系统不受影响
"""
import os

os.environ.setdefault("GOMP_SPINCOUNT", "2000")
