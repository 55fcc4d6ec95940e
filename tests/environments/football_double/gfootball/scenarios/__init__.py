class Team:
    e_Left, e_Right = "left", "right"


e_PlayerRole_GK, e_PlayerRole_CM = "keeper", "midfield"
