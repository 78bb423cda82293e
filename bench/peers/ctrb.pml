#define N 3
#define K 3
#ifdef STAY /* a process that is done stays: its end is no transition */
#define DONE ; end: false
#else
#define DONE
#endif
byte x; byte fin;
active [N] proctype P(){ byte i, t; i=0; do :: i<K -> t=x; x=t+1; i++ :: else -> break od; t=0; i=0; fin++; if :: fin==N -> assert(x>=3) :: else -> skip fi DONE }
