from pathlib import Path
import time, logging, os, resource
from lakehouse.sources import Source
from lakehouse.config import S3Config
from lakehouse.landing.files import land_files, list_landed
from lakehouse.landing.ingest import *
import lakehouse.landing.ingest as ing
from lakehouse.landing.preparation import prepare_file
R=Source(name="reviews",columns=tuple("rating,title,text,images,asin,parent_asin,user_id,timestamp,helpful_vote,verified_purchase".split(",")))
def test_a(lake, tmp_path, monkeypatch):
    landing=str(tmp_path/"landing"); (tmp_path/"landing"/"reviews").mkdir(parents=True)
    os.symlink(os.environ["BIG"], tmp_path/"landing"/"reviews"/Path(os.environ["BIG"]).name)
    fs=list_landed(landing,"reviews",S3Config()); print(fs)
    def timed(name,f):
        def g(*a,**k):
            t=time.perf_counter(); c=time.process_time(); r=f(*a,**k); print(name, round(time.perf_counter()-t,2), "cpu", round(time.process_time()-c,2)); return r
        return g
    monkeypatch.setattr(ing,"prepare_file",timed("prepare",prepare_file))
    monkeypatch.setattr(ing,"commit_files",timed("commit",ing.commit_files))
    t=time.time(); r=ingest_files(lake,R,pending_files(lake,fs),landing=landing); print("total",time.time()-t)
    print(r, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6)
    assert lake.rows("select count(*) from lake.raw.reviews")[0][0]==r[0].loaded
    from lakehouse.profiles import profile_source
    from lakehouse.accounting import account
    assert pending_files(lake, [])==[]
    t=time.perf_counter(); c=time.process_time(); p=profile_source(lake,R); print("profile",time.perf_counter()-t, time.process_time()-c)
    for x in p: print(x.column_name,x.nulls,x.distinct_count,x.minimum,x.maximum,x.mean_length,x.top_values[:100])
    t=time.perf_counter(); print(account(lake,R)); print("account",time.perf_counter()-t)
    print("rss",resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6)
