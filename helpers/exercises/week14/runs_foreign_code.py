"""练习“哪几行会运行别人的代码”：八行代码，读的都是别人发来的文件

出处: notebooks/04_model_loading.ipynb 第 9 节
"""
from helpers.exercises.comparing import Wrong, as_letters, miscount
from helpers.exercises.exercise import Exercise

LINES = {
    "A": 'pickle.loads(Path("成绩.pkl").read_bytes())',
    "B": 'torch.load("weights.pt")',
    "C": 'torch.load("weights.pt", weights_only=False)',
    "D": 'safetensors.torch.load_file("model.safetensors")',
    "E": 'AutoConfig.from_pretrained("shop", trust_remote_code=False)',
    "F": 'AutoConfig.from_pretrained("shop", trust_remote_code=True)',
    "G": 'numpy.load("vectors.npy", allow_pickle=True)',
    "H": 'json.loads(Path("shop/config.json").read_text())',
}
RIGHT = "ACFG"
ASK_BACK = {
    "A": "“只是一个列表”是发来的人说的；读的时候照做的是什么？",
    "B": "现在的 torch.load，什么也不写时收不收陌生的做法？课文第 9 节试过",
    "C": "weights_only=False 去掉的是哪一道门？",
    "D": "safetensors 的文件里除了名字、形状和数，还有放做法的地方吗？",
    "E": "关着的时候，课文里那个留下“我来过.txt”的代码运行了吗？",
    "F": "没有权重、只有 config.json 和 code.py 的文件夹，课文里加载过；结果呢？",
    "G": "这一行课文里没有，可是选项的名字里有哪一个你认识的词？",
    "H": "把 config.json 读成一个字典，和照它说的去加载，是一回事吗？",
}
HINTS = ("给每一行找出：它读的是哪种格式；这种格式里，除了数和文字，还写不写得下“怎样做”；写得下的，有没有选项把它关了",
         "写得下做法的只有两处：pickle（文件名不一定是 .pkl），和模型仓库里的 .py；各有一个选项管它，"
         "看看是开着还是关着")
SOLUTION = """# pickle 照做文件里的做法（A）；C、G 的选项把它放了进来；F 允许运行仓库里的 code.py
answer_12 = "ACFG\""""
WHY = """真的试一遍，在文件里藏一行“留下一个文件”的代码，八行的结果是：
A 会：pickle 读的时候照做，文件叫什么、说里面是什么，都不算数
B 不会：torch.load 默认只收数据，报 UnpicklingError
C 会：weights_only=False 就是请它照做
D 不会：没有放做法的地方
E 不会：要用 code.py，就报 ValueError
F 会：没有权重，光是加载结构就运行了 code.py
G 会：.npy 里装的不是数而是 Python 的东西时，用的也是 pickle
H 不会：JSON 只有数、文字、列表和字典
所以加载别人的模型：safetensors，trust_remote_code=False，名字里带 pickle 的选项不开。"""
HARDER = ("不读进来，只看它想做什么：pickletools.dis(文件的字节) 列出 pickle 里的每一步，"
          "在课文 04 第 9 节的 poisoned 上，找出它要调用的函数")


def exercise() -> Exercise:
    """这道题；RIGHT 是真的试出来的，测试里再试一遍"""
    return Exercise("哪几行会运行别人的代码", "04 第 9 节", 0, check_letters, HINTS, SOLUTION, WHY, HARDER, stars=2,
                    minutes=5)


def check_letters(answer: object) -> None:
    """answer 应是会运行别人代码的那几行的字母，不对就抛出 Wrong"""
    chosen = as_letters(answer, "".join(LINES), "BD")
    extra = sorted(chosen - set(RIGHT))
    missing = sorted(set(RIGHT) - chosen)
    if not extra and not missing:
        return
    if len(chosen) == len(LINES):
        raise Wrong("不是每一行都危险，现在全选了；有的格式里没有放代码的地方，有的选项把门关着")
    question = ASK_BACK[min(extra + missing)]
    raise Wrong(f"{miscount(extra, missing)}。想一想其中的一个：{question}")
