function e(r){return()=>{}}var p={render:e};export{p as default,e as render};
