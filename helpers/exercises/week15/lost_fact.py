"""练习“名字是在第几轮忘掉的”：一场聊天，放不下就忘掉最早的一轮；说过的名字从第几轮起看不到了

出处: notebooks/06_writing.ipynb 第 8 节
"""
from helpers.exercises.comparing import Wrong, as_number
from helpers.exercises.exercise import Exercise

CHAT_LIMIT = 220
SYSTEM_TOKENS = 14
ANSWER_ROOM = 60
CHAT_TURNS = ((18, 22), (16, 38), (20, 30), (14, 27), (17, 25), (15, 20), (16, 24))  # 每轮：问、答各几个词元，连同模板
NAMED_IN = (1, 2)  # 哪几轮里有名字
RIGHT_TURN = 5
WRONG_TURNS = {
    4: "第 4 轮忘掉的是第 1 轮。可是名字只在第 1 轮说过吗？把每一轮的话再读一遍",
    6: "第 6 轮确实看不到，可是更早就看不到了；问的是从第几轮起",
    7: "这样算，好像没有给回答留 60 个的地方；读的和要写的，都占这 220 个",
}
HINTS = ("一轮一轮地算：system、还留着的各轮（问和答）、这一轮的问、给回答留的，加起来超过 220，就从最早的一轮丢起",
         "第 3 轮是 14 + 40 + 54 + 20 + 60 = 188，放得下；第 4 轮是 232，忘掉第 1 轮的 40，剩 192。名字还在谁的话里？")
SOLUTION = """# 第 4 轮：14 + 40 + 54 + 50 + 14 + 60 = 232，超过 220，忘掉第 1 轮，剩 192；第 2 轮的回答里还有名字
# 第 5 轮：14 + 54 + 50 + 41 + 17 + 60 = 236，超过 220，忘掉第 2 轮，剩 182；名字没有了
answer_16 = 5"""
WHY = ("模型没有记性，名字只活在上下文里：第 1 轮丢了，第 2 轮的回答还提过，就还答得出；第 2 轮也丢了，才真的忘了。"
       "聊久了，模型忽然不认得你，多半是这样：它没有变笨，是程序把开头丢了。"
       "要紧的话，过几轮再说一遍，或者写进 system 消息，那里不丢")
HARDER = "每忘掉一轮，KV cache 里只有 system 消息还能用。第 5 轮要新读几个词元？一次忘掉一半，重读的次数会多还是少？"


def exercise() -> Exercise:
    """这道题"""
    return Exercise("名字是在第几轮忘掉的", "06 第 8 节", 0, check_turn, HINTS, SOLUTION, WHY, HARDER,
                    stars=2, minutes=8)


def check_turn(answer: object) -> None:
    """应是名字从上下文里消失的那一轮"""
    number = as_number(answer, "3")
    if number == RIGHT_TURN:
        return
    turns = len(CHAT_TURNS)
    if number not in range(1, turns + 1):
        raise Wrong(f"应是第 1 到第 {turns} 轮里的一轮，写一个整数，例如 3；现在是 {number}")
    if number in WRONG_TURNS:
        raise Wrong(WRONG_TURNS[number])
    raise Wrong(f"第 {number} 轮还放得下，一轮也没有忘；"
                f"把 system、还留着的各轮、这一轮的问、给回答留的加起来，和 {CHAT_LIMIT} 比")
