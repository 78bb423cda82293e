#ifndef N
#define N 4
#endif
#ifndef K
#define K 5
#endif
#ifdef STAY /* a process that is done stays: its end is no transition */
#define DONE ; end: false
#else
#define DONE
#endif
byte x; byte fin;
active [N] proctype P(){ byte i, t; i=0; do :: i<K -> t=x; x=t+1; i++ :: else -> break od; t=0; i=0; fin++ DONE }
