"""评分：找作业（submissions）、读作业（homework）、评一份（trial、worker、confinement）、写分数表和反馈页"""
