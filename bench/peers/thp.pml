/* khugepaged collapse vs faulting / unmapping tasks, lock-based: state = pmd, ptes, mapcount, locks */
#ifndef F
#define F 3
#endif
#ifndef R
#define R 2
#endif
#ifdef STAY /* a process that is done stays: its end is no transition */
#define DONE ; end: false
#else
#define DONE
#endif
byte pmd=1; byte mapc=2; byte readers; bit mw; bit av; bit ptl; byte pres; byte fin;
inline rd(){ atomic{ mw==0 -> readers++ } }
inline urd(){ readers-- }
inline lk(l){ atomic{ l==0 -> l=1 } }
active proctype collapse(){ byte j; j=0;
 do :: j<R -> atomic{ mw==0 && readers==0 -> mw=1 }; lk(av); lk(ptl); pmd=0; ptl=0; mapc=mapc; lk(ptl); pmd=2; ptl=0; av=0; mw=0; j++ :: else -> break od; fin++ DONE }
active [F] proctype fault(){ byte j, p; j=0;
 do :: j<R -> rd(); p=pmd; if :: p==0 -> skip :: else -> lk(ptl); if :: pmd==p -> pres=1 :: else -> skip fi; ptl=0 fi; p=0; urd(); j++ :: else -> break od; fin++ DONE }
active proctype rmap(){ byte j,p; j=0;
 do :: j<R -> lk(av); lk(ptl); p=pmd; assert(p!=0); ptl=0; p=0; av=0; j++ :: else -> break od; fin++ DONE }
