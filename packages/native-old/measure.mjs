import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
process.env.TF_NUM_INTRAOP_THREADS='1';process.env.TF_NUM_INTEROP_THREADS='1';
const neu = await import('../native/dist/index.js');
const old = await import('./dist/index.js');
const { adam } = await import('@tfjs-lrm/adam'); const { muon } = await import('@tfjs-lrm/muon');
await tf.setBackend('tensorflow');
const binding = tf.backend().binding;
function make(opt) {
  const model = layers.sequential({layers:[
    layers.layers.dense({units:16,inputShape:[8],activation:'tanh'}),
    layers.layers.layerNormalization(), layers.layers.dropout({rate:0.1}), layers.layers.dense({units:4})]});
  const o = opt();
  const vars = model.trainableWeights.map(w=>w.read());
  return (x,y)=>o.minimize(()=>tf.losses.meanSquaredError(y, model.apply(x,{training:true})),true,vars);
}
const median = a => a.sort((p,q)=>p-q)[a.length>>1];
for (const [name,opt] of [['adam',()=>adam()],['muon',()=>muon()],['tf.adam',()=>tf.train.adam(0.01)]]) {
  const graphs = {old:[],neu:[]}, rec={old:[],neu:[]}, eager={old:[],neu:[]}, step={old:[],neu:[]};
  const x = tf.randomNormal([16,8]), y = tf.randomNormal([16,4]);
  let which='old';
  const add = binding.addFunction;
  Object.defineProperty(binding,'addFunction',{configurable:true,writable:true,value:(n,g,i,o)=>{graphs[which].push([g.length,i.length,o.length, Buffer.from(g).toString('latin1').split('\n').length]);return add.call(binding,n,g,i,o);}});
  for (let round=0; round<15; round++) for (which of round%2?['old','neu']:['neu','old']) {
    const s = (which==='old'?old:neu).compile(make(opt));
    const cpu = f => { const a=process.cpuUsage(); f(); const b=process.cpuUsage(a); return (b.user+b.system)/1000; };
    eager[which].push(cpu(()=>s(x,y).dispose()));
    rec[which].push(cpu(()=>s(x,y).dispose()));
    for(let i=0;i<5;i++) s(x,y).dispose();
    step[which].push(cpu(()=>{for(let i=0;i<200;i++) s(x,y).dispose();})/200);
    s.dispose();
  }
  const same = JSON.stringify(new Set(graphs.old.map(String)).size===1 && graphs.old[0])+' '+JSON.stringify(graphs.neu[0]);
  for (const [k,v] of Object.entries({first:eager,record:rec,step})) console.log(name,k,'old',median([...v.old]).toFixed(3),'new',median([...v.neu]).toFixed(3),'ratio of pairs',median(v.old.map((o,i)=>v.neu[i]/o)).toFixed(3));
  console.log(name,'graph bytes,inputs,outputs', same);
}
