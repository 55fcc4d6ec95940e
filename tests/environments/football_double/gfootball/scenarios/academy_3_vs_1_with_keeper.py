from gfootball.scenarios import Team, e_PlayerRole_CM, e_PlayerRole_GK


def build_scenario(builder):
    config = builder.config()
    config.end_episode_on_score = config.end_episode_on_out_of_play = True
    config.end_episode_on_possession_change = True
    for team, count in ((Team.e_Left, 3), (Team.e_Right, 1)):
        builder.SetTeam(team)
        builder.AddPlayer(-1.0, 0.0, e_PlayerRole_GK)
        for place in range(count):
            builder.AddPlayer(0.1 * place, 0.0, e_PlayerRole_CM)
